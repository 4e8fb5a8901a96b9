package image

import (
	"time"
)

// HistoryEntry is one line of `history`, newest first.
type HistoryEntry struct {
	ID        string // image ID or "<missing>"
	Created   time.Time
	CreatedBy string
	Size      int64
	Comment   string
}

// History is how an image was made. Entries and layers run in parallel, except that some entries
// made no layer.
func (s *Store) History(nameOrID string) ([]HistoryEntry, error) {
	img, err := s.Resolve(nameOrID)
	if err != nil {
		return nil, err
	}

	var entries []HistoryEntry
	layer := 0
	for _, h := range img.Config.History {
		entry := HistoryEntry{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			entry.Created = *h.Created
		}
		if !h.EmptyLayer && layer < len(img.record.Layers) {
			entry.Size = img.record.Layers[layer].Unpacked
			layer++
		}

		entries = append([]HistoryEntry{entry}, entries...)
	}

	if len(entries) > 0 {
		entries[0].ID = img.ID
	}
	return entries, nil
}
