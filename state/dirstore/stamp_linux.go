package dirstore

import "syscall"

func (st *stamp) fill(sys any) {
	if s, ok := sys.(*syscall.Stat_t); ok {
		st.dev, st.ino, st.ctime = uint64(s.Dev), s.Ino, s.Ctim.Nano()
	}
}
