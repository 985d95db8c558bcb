package pipeline

import (
	"slices"
	"testing"
)

// TestEveryCommandHasAGroup: in the help; those about the program itself stand under "Commands".
func TestEveryCommandHasAGroup(t *testing.T) {
	itself := []string{"completion", "exit-codes", "help", "version"}
	for _, cmd := range Command().Commands() {
		if (cmd.GroupID == "") != slices.Contains(itself, cmd.Name()) {
			t.Errorf("%s is in the group %q of the help: enter it in addGroups", cmd.Name(), cmd.GroupID)
		}
	}
}
