package features

import "context"

// ReadShard reads one shard whole, by itself: its rows and what its features were made from.
func ReadShard(ctx context.Context, path string) (*Part, Source, error) {
	t, err := openTable(path)
	if err != nil {
		return nil, Source{}, err
	}
	defer t.close()
	h, err := t.shardHead()
	if err != nil {
		return nil, Source{}, err
	}
	p := &Part{Skipped: h.skipped}
	var buf vectorBuffer
	err = t.eachGroup(ctx, h.source.Dim, &buf, func(g *group) error {
		p.Images, p.Classes = append(p.Images, g.images...), append(p.Classes, g.classes...)
		p.Labels, p.Features = append(p.Labels, g.labels...), append(p.Features, g.features...)
		return nil
	})
	return p, h.source, err
}

// IsShard tells of a file whether it says that it is a shard of ours.
func IsShard(path string) bool {
	t, err := openTable(path)
	if err != nil {
		return false
	}
	defer t.close()
	schema, _ := t.meta(keySchema)
	return schema == schemaShard || schema == schemaGrown
}
