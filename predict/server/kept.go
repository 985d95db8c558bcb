package server

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// keptBytes limits the features that are kept to rank images again.
const keptBytes = 512 << 20

// kept is a cache of the features of images that were sent, by the images' bytes; the least recently used are dropped.
// With it, an image is ranked again without being sent and without running the network.
type kept struct {
	mu    sync.Mutex
	most  int // values of all features together, at most
	have  int
	by    map[string]*list.Element
	order list.List // of *keptFeature, most recently used first
}

type keptFeature struct {
	id      string
	feature []float32
	damage  string // of the image's file
}

func newKept(bytes int) *kept { return &kept{most: bytes / 4, by: map[string]*list.Element{}} }

// imageID identifies an image by its bytes.
func imageID(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// get returns the feature of an image, nil: it is not kept, and what of its file is damaged.
func (k *kept) get(id string) (feature []float32, damage string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.by[id]
	if e == nil {
		return nil, ""
	}
	k.order.MoveToFront(e)
	f := e.Value.(*keptFeature)
	return f.feature, f.damage
}

// put stores a feature, which must not be changed afterwards.
func (k *kept) put(id string, feature []float32, damage string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.by[id]; e != nil {
		k.order.MoveToFront(e)
		return
	}
	k.by[id] = k.order.PushFront(&keptFeature{id, feature, damage})
	for k.have += len(feature); k.have > k.most && k.order.Len() > 1; {
		last := k.order.Remove(k.order.Back()).(*keptFeature)
		delete(k.by, last.id)
		k.have -= len(last.feature)
	}
}
