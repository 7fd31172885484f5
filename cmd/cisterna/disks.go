package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"cisterna/web"
)

// watched is a place where the server, or its database, writes.
type watched struct {
	name  string   // as in web.Disk
	holds string   // what is there, as the end of a sentence
	full  string   // what stops when its disk is full, as a sentence without its end
	dir   string   // the folder, or
	file  *os.File // the open file
}

// dataFolder is where a demo has everything.
func dataFolder(dir string) watched {
	return watched{name: "data", holds: "the demo's data", full: "What pumps send is no longer stored", dir: dir}
}

// places lists where a server writes: the folder of its keys, in which the signer
// of the record notes what it has signed; its log, if that is a file; and the
// folder of its database, if it was named.
func (c *ServeCmd) places(log *os.File) []watched {
	all := []watched{{name: "keys", holds: "the keys and the record's signer", full: "The record is no longer sealed, and no keyset is published", dir: c.Keys}}
	if info, err := log.Stat(); err == nil && info.Mode().IsRegular() {
		all = append(all, watched{name: "log", holds: "the server's log", full: "Nothing is logged any more", file: log})
	}
	if c.DatabaseDisk != "" {
		all = append(all, watched{name: "database", holds: "the database", full: "What pumps send is no longer stored", dir: c.DatabaseDisk})
	}
	return all
}

// disksOf asks the disks of places. Places on one disk are one disk; it has the
// name of the last of them, so that the database's disk is known as such.
func disksOf(places []watched) []web.Disk {
	var out []web.Disk
	at := map[uint64]int{} // by device
	for _, p := range places {
		d := web.Disk{Name: p.name, Holds: p.holds, Full: p.full}
		var device uint64
		if device, d.Err = p.device(); d.Err == nil {
			d.Free, d.Total, d.Err = p.room()
		}
		i, known := at[device]
		switch {
		case d.Err == nil && known:
			out[i].Name, out[i].Holds, out[i].Full = d.Name, and(out[i].Holds, d.Holds), out[i].Full+". "+d.Full
			continue
		case d.Err == nil:
			at[device] = len(out)
		}
		out = append(out, d)
	}
	return out
}

// and joins what a disk holds: "a", "a; b", "a; b; c".
func and(a, b string) string { return strings.Join([]string{a, b}, "; ") }

func (p watched) device() (uint64, error) {
	info, err := p.stat()
	if err != nil {
		return 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("the device of %s is not known", p.name)
	}
	return uint64(st.Dev), nil //nolint:unconvert // narrower on some machines
}

func (p watched) stat() (os.FileInfo, error) {
	if p.file != nil {
		return p.file.Stat()
	}
	return os.Stat(p.dir)
}

func (p watched) room() (free, total int64, err error) {
	if p.file == nil {
		return diskOf(p.dir)
	}
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(p.file.Fd()), &st); err != nil {
		return 0, 0, &os.PathError{Op: "fstatfs", Path: p.file.Name(), Err: err}
	}
	free, total = bytesOf(&st)
	return free, total, nil
}

// diskOf returns how many bytes are left for this account on the disk that holds
// a folder, and how many it has.
func diskOf(dir string) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	free, total = bytesOf(&st)
	return free, total, nil
}

func bytesOf(st *syscall.Statfs_t) (free, total int64) {
	size := int64(st.Bsize) //nolint:unconvert // narrower on some machines
	return int64(st.Bavail) * size, int64(st.Blocks) * size
}
