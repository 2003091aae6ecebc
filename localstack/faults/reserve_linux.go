package faults

import (
	"net/netip"
	"os"
	"syscall"
)

// reserve takes a free port of 127.0.0.1 without listening on it: until release nobody gets it by chance, neither as the
// port of a listener nor as that of a connection, and who names it may listen on it (SO_REUSEADDR, socket(7)).
func reserve() (address string, release func() error, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	release = func() error { return os.NewSyscallError("close", syscall.Close(fd)) }
	loopback := [4]byte{127, 0, 0, 1}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: loopback})
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return "", nil, os.NewSyscallError("bind", err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	return netip.AddrPortFrom(netip.AddrFrom4(loopback), uint16(port)).String(), release, nil
}
