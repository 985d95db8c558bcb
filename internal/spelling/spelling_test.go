package spelling

import "testing"

func TestClose(t *testing.T) {
	known := []string{"train", "tune", "evaluate", "vzsl", "eszsl", "standard", "random-1", "sun", "cub", "awa1", "awa2"}
	for _, c := range []struct{ word, want string }{
		{"trian", "train"}, {"Train", "train"}, {"tran", "train"}, {"eval", "evaluate"}, {"evalute", "evaluate"},
		{"eszls", "eszsl"}, {"standart", "standard"}, {"random-2", "random-1"}, {"cup", "cub"}, {"awa", "awa1"},
		{"", ""}, {"photos", ""}, {"x", ""}, {"zz", ""},
	} {
		if got := Close(c.word, known); got != c.want {
			t.Errorf("Close(%q) = %q, not %q", c.word, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"099.Ovenbird", "001.Black_footed_Albatross", "killer+whale"}
	for _, c := range []struct{ name, want string }{
		{"Ovenbird", "099.Ovenbird"}, {"killer whale", "killer+whale"}, {"Black footed Albatros", "001.Black_footed_Albatross"}, {"zebra", ""},
	} {
		if got := Nearest(c.name, known); got != c.want {
			t.Errorf("Nearest(%q) = %q, not %q", c.name, got, c.want)
		}
	}
}
