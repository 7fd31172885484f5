package web

import (
	"context"
	"fmt"

	"cisterna/web/api"
)

// Below these shares of a disk, or these many bytes, people should make room, and
// must.
const (
	diskLowShare, diskLow           = 10, 2 << 30 // per cent, bytes
	diskCriticalShare, diskCritical = 3, 512 << 20
)

// disks tells how much room there is where the server writes, and where its
// database does if that can be seen from here.
func (s *Server) disks(ctx context.Context) *part {
	y := s.o.System
	if y.Disks == nil {
		return nil
	}
	p := newPart("disks", "Disk space")
	database := false
	for _, d := range y.Disks() {
		database = database || d.Name == diskOfDatabase || d.Name == diskOfAll
		p.add(s.room(d))
	}
	if !database {
		p.add(s.roomElsewhere(ctx))
	}
	return p
}

// Names of disks on which the database is.
const (
	diskOfAll      = "data" // everything of a demo
	diskOfDatabase = "database"
)

func (s *Server) room(d Disk) api.Line {
	l := api.Line{Name: d.Name, Title: "Free for " + d.Holds}
	if d.Err != nil {
		s.log.Warn("a disk could not be asked how much is free", "disk", d.Name, "error", d.Err)
		l.State, l.Text, l.Detail = stateDegraded, api.Some("not known"), "It cannot be asked how much is free. The server's log says why."
		return l
	}
	level := "ok"
	switch share := percent(d.Free, d.Total); {
	case d.Free < diskCritical || share < diskCriticalShare:
		level, l.State, l.Detail = "critical", stateDegraded, "Make room now. "+d.Full+" when it is full."
	case d.Free < diskLow || share < diskLowShare:
		level, l.State, l.Detail = "low", stateDegraded, "Make room. "+d.Full+" when it is full."
	}
	l.Value, l.Unit = api.Some(d.Free), "bytes"
	l.Text = api.Some(fmt.Sprintf("%d %% of %s: %s", percent(d.Free, d.Total), inGB(d.Total), level))
	return l
}

// roomElsewhere says of the database's disk what can be said from here: how much
// the database takes, and that nobody here sees what is left.
func (s *Server) roomElsewhere(ctx context.Context) api.Line {
	l := api.Line{Name: diskOfDatabase, Title: "Taken by the database", Text: api.Some("what is free on its disk is not visible from here: watch it where PostgreSQL runs")}
	if s.o.System.Base == nil {
		return l
	}
	b, err := s.o.System.Base(ctx)
	if err != nil { // the part of the database says so
		return l
	}
	l.Value, l.Unit = api.Some(b.Size), "bytes"
	if b.Here {
		l.Text = api.Some("what is free on its disk is not known here: name the folder of its data with --database-disk, and it is watched")
	}
	return l
}

// inGB writes bytes as the console does: powers of ten.
func inGB(n int64) string { return fmt.Sprintf("%d.%d GB", n/1_000_000_000, n/100_000_000%10) }

func percent(n, of int64) int64 {
	if of <= 0 {
		return 0
	}
	return int64(float64(n) * 100 / float64(of)) // of bytes: a float may touch them
}
