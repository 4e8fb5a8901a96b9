// Package store keeps what the engine knows about its containers and volumes on disk, so that a
// crash at any point leaves something that the next command can read, repair or remove.
//
// Chapter: docs/zh/08-step06-supervision.md.
//
// # Layout
//
//	DATA/containers/ID/container.json  what was asked for: written by create, rename and update
//	DATA/containers/ID/state.json      what became of it: written at start and at the end
//	DATA/containers/ID/exit            written by the supervisor: exit status and time
//	DATA/containers/ID/log, log.1, …   see package logs
//	DATA/containers/ID/.lock           flock(2): a process that changes the container holds it
//	DATA/names/NAME                    symbolic link to the id: symlink(2) reserves a name
//	DATA/volumes/NAME/                 volume.json and _data
//	STATE/events                       one JSON object a line
//
// Files are replaced by rename(2) of a complete, synced temporary file, so a reader sees the old or
// the new content and never a part. What a running container looks like right now is not in these
// files: that is asked of the kernel.
package store
