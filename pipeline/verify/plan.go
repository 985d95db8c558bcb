package verify

import (
	"vzsl/features"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// plan verifies the folder of a plan, and the shards that its tasks have computed and no manifest lists yet.
func (c *check) plan() error {
	c.Stage = StagePlan
	again := workspace.CommandLine("plan", "...", "--to", c.Dir)
	p, err := tasks.Read(c.Dir)
	if err != nil {
		c.problem("plan.json", again, err.Error())
		c.Files++
		return nil
	}
	if !p.Checked() {
		c.Notes = append(c.Notes, "the plan has no checksum, like those of earlier versions: only its form was checked")
	}
	folder, listed := "", map[string]bool{}
	if p.Extract != nil {
		if folder, err = c.v.W.Local(p.Extract.Folder); err != nil {
			folder = "" // it lies elsewhere
		} else if m, err := features.ReadManifest(folder); err == nil {
			for _, part := range m.Parts {
				listed[part.File] = true
			}
		}
	}
	found, checked, err := p.Check(folder, func(shard string) bool { return listed[shard] })
	if err != nil {
		return err
	}
	for _, file := range checked {
		c.countFile(file)
	}
	for _, d := range found {
		command := again
		if len(d.Purge) > 0 {
			command = "rm"
			for _, f := range d.Purge {
				command += " " + usage.Quote(f)
			}
		}
		if d.Unit != "" {
			command += " && " + p.Again(d.Unit)
		}
		c.problemOf(d.File, command, d.Err.Error())
	}
	return nil
}
