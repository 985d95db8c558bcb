package source

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
)

// pending is a file whose images come when the test says so.
type pending struct{ begin chan struct{} }

func (pending) list(context.Context) ([]entry, string, error) { return nil, "", nil }

func (p pending) read(_ context.Context, wanted []int64, give func(at int64, data []byte, skip string) error) error {
	<-p.begin
	for _, at := range wanted {
		if err := give(at, fmt.Append(nil, at), ""); err != nil {
			return err
		}
	}
	return nil
}

// Several that wait for images sleep until one comes: synctest.Wait would not return while they wake each other.
func TestWaitersSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pending{make(chan struct{})}
		s := &set{holds: []contents{p}, files: []*file{{}}, places: []place{{at: 10}, {at: 20}, {at: 30}}}
		r := s.Read(t.Context(), []int{0, 1, 2})
		got := make([]string, 3)
		for i := range got {
			go func() {
				b, _, err := r.(*reading).wait(i, nil)
				if err != nil {
					t.Error(err)
				}
				got[i] = string(b)
			}()
		}
		synctest.Wait()
		if asking := r.(*reading).asking; asking != 3 {
			t.Errorf("%d wait", asking)
		}
		close(p.begin)
		synctest.Wait()
		if want := [3]string{"10", "20", "30"}; [3]string(got) != want || r.(*reading).asking != 0 {
			t.Error(got, r.(*reading).asking)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
