package e2e_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ccaas-template-builder/internal/network"
)

// load calls a chaincode as a peer's administrator, one call after another, until it is stopped.
type load struct {
	n        *fabric
	peer     *peer
	stop     chan struct{}
	stopped  sync.WaitGroup
	worked   atomic.Int32
	failures []failure
}

// failure is a failed call.
type failure struct {
	began, ended time.Time
	said         string
}

// startLoad starts a load. args returns the arguments of call number i.
func (n *fabric) startLoad(p *peer, args func(i int) []string) *load {
	l := &load{n: n, peer: p, stop: make(chan struct{})}
	l.stopped.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-l.stop:
				return
			default:
			}
			began := time.Now()
			if _, all, err := n.try(p.client, n.cli(), args(i)...); err != nil {
				l.failures = append(l.failures, failure{began, time.Now(), network.Tail(all, 1)})
			} else {
				l.worked.Add(1)
			}
		}
	})
	n.t.Cleanup(l.wait)
	return l
}

func (l *load) wait() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.stopped.Wait()
}

// works waits until three more calls have succeeded.
func (l *load) works() {
	l.n.t.Helper()
	before := l.worked.Load()
	l.n.poll("calls at "+l.peer.Name+" work", func() error {
		if l.worked.Load() < before+3 {
			return errors.New("not yet")
		}
		return nil
	})
}

// end waits until calls succeed, and ends the load. The only failures allowed are those for which
// explains returns true. explains may be nil.
func (l *load) end(explains func(failure) bool) {
	l.n.t.Helper()
	l.works()
	l.wait()
	l.n.t.Logf("at %s %d calls worked, %d failed", l.peer.Name, l.worked.Load(), len(l.failures))
	for _, f := range l.failures {
		l.n.t.Logf("after %v: %s", f.ended.Sub(f.began), f.said)
		if explains == nil || !explains(f) {
			l.n.fatal("a call has failed: %s", f.said)
		}
	}
}
