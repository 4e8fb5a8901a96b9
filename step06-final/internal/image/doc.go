// Package image keeps images: it pulls, pushes, loads, saves, imports, commits, tags and removes
// them.
//
// An image is three kinds of JSON and tar, each named by the SHA-256 of its bytes: a manifest lists
// a configuration and layers; the configuration lists what the layers unpack to (diff IDs). Content
// addressing is all there is to deduplication, verification and resumed pulls: what is there under
// its name is there, complete and right.
//
// Chapter: docs/zh/09-registry.md.
//
//	<root>/images/blobs/sha256/HEX   manifests, configurations, compressed layers
//	<root>/images/records/HEX.json   one image: which blobs it is made of
//	<root>/images/names.json         busybox:latest -> image ID
//	<root>/images/cache/KEY.json     the layer that a build step made
//	<root>/images/sizes/HEX          what a layer's files add up to
//	<root>/images/tmp                content on its way; a killed command leaves it here
//	<root>/layers/HEX...             layers unpacked, once for each diff ID (and ID map)
//
// Every file is written beside its place and renamed, so that readers see all of it or nothing.
// Names are written last.
package image
