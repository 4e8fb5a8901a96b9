package image

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	digest "github.com/opencontainers/go-digest"
)

// isIDPrefix says whether this can be the beginning of an ID: four digits at least.
func isIDPrefix(s string) bool {
	digits := strings.TrimPrefix(s, "sha256:")
	return len(digits) >= 4 && len(digits) <= 64 && hexDigits.MatchString(digits)
}

// Resolve finds an image by name, name@digest, ID or unique prefix of an ID (four digits at least).
// An image that is not there is fs.ErrNotExist, with advice. The name "host" makes the built-in
// image at its first use.
func (s *Store) Resolve(nameOrID string) (*Image, error) {
	img, err := s.resolve(nameOrID)
	if errors.Is(err, fs.ErrNotExist) && isHostName(nameOrID) {
		return s.makeHostImage()
	}
	return img, err
}

func (s *Store) resolve(nameOrID string) (*Image, error) {
	known, err := s.readNames()
	if err != nil {
		return nil, err
	}
	id, err := s.find(nameOrID, known)
	if err != nil {
		return nil, err
	}
	return s.image(id, known)
}

// find returns an image's ID.
func (s *Store) find(nameOrID string, known names) (digest.Digest, error) {
	ref, nameErr := ParseReference(nameOrID)
	if nameErr == nil {
		if id, ok := known[ref.String()]; ok {
			return id, nil
		}
	}
	if !isIDPrefix(nameOrID) {
		if nameErr != nil {
			return "", nameErr
		}
		return "", notFound(nameOrID)
	}

	ids, err := s.recordIDs()
	if err != nil {
		return "", err
	}

	var found []digest.Digest
	for _, id := range ids {
		if strings.HasPrefix(id.Encoded(), strings.TrimPrefix(nameOrID, "sha256:")) {
			found = append(found, id)
		}
	}

	switch len(found) {
	case 0:
		return "", notFound(nameOrID)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q is the beginning of %d image IDs; give more digits", nameOrID, len(found))
}

func notFound(name string) error {
	return fmt.Errorf("no image %q here; get it with pull, load, import or build (the image %q needs no download): %w",
		name, hostName, fs.ErrNotExist)
}

// List returns all images, newest first.
func (s *Store) List() ([]*Image, error) {
	known, err := s.readNames()
	if err != nil {
		return nil, err
	}

	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}

	var images []*Image
	for _, id := range ids {
		img, err := s.image(id, known)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}

		images = append(images, img)
	}

	sort.SliceStable(images, func(i, j int) bool { return images[i].Created.After(images[j].Created) })
	return images, nil
}

// Tag gives an image another name.
func (s *Store) Tag(source, target string) error {
	ref, err := ParseReference(target)
	if err != nil {
		return err
	}
	if ref.Digest != "" {
		return fmt.Errorf("%q: a digest is computed, it cannot be given", target)
	}
	img, err := s.Resolve(source)
	if err != nil {
		return err
	}
	if err := s.checkNames(digest.Digest(img.ID), ref); err != nil {
		return err
	}
	return s.publish(img.record, ref)
}
