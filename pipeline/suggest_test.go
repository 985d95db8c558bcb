package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

// TestDidYouMean: a slip of a command, flag, setting, method, dataset, split, network, run or file's key is answered with what
// was meant.
func TestDidYouMean(t *testing.T) {
	data, _, out := smallRun(t)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("data/photos", 0o755); err != nil {
		t.Fatal(err)
	}
	demo := " --dataset demo --out " + out
	for command, say := range map[string]string{
		"trian":                                `did you mean "train"?`,
		"evalute":                              `did you mean "evaluate"?`,
		"help trian":                           `did you mean "train"?`,
		"train --epoch 3":                      "did you mean --set epochs=3?",
		"train --model x":                      "'vzsl extract'",
		"extract --shard-row 3":                "did you mean --shard-rows?",
		"train --method eszls":                 `did you mean "eszsl"?`,
		"tune --method saw":                    `did you mean "sae"?`,
		"compare --methods eszsl,devize":       `did you mean "devise"?`,
		"fewshot --methods logisitc":           `did you mean "logistic"?`,
		"train --preset papr":                  `did you mean "paper"?`,
		"train --features l3":                  `did you mean "l2"?`,
		"train --missing classmean":            `did you mean "class-mean"?`,
		"attributes --layout fodler":           `did you mean "folder"?`,
		"extract --engine nativ":               `did you mean "native"?`,
		"attributes --dataset photo":           `did you mean "photos"?`,
		"check photo":                          `did you mean "photos"?`,
		"attributes --dataset suns":            `did you mean "sun"?`,
		"download gloves":                      `did you mean "glove"?`,
		"train --dataset dmeo --out " + out:    `did you mean "demo"?`,
		"split --dataset dmeo --out " + out:    `did you mean "demo"?`,
		"train --split dmeo" + demo:            `did you mean "demo"?`,
		"split --split standart" + demo:        `did you mean "standard"?`,
		"split --split picture" + demo:         `did you mean "pictured"?`,
		"train --network dmo" + demo:           `did you mean "demo"?`,
		"evaluate --run demo-demo-ezsl" + demo: `did you mean "demo-demo-eszsl"?`,
		"report demo-demo-esszl --out " + out:  `did you mean "demo-demo-eszsl"?`,
		"export --format onxn" + demo:          `did you mean "onnx"?`,
	} {
		if strings.HasPrefix(command, "extract") || strings.HasPrefix(command, "attributes --dataset s") {
			command += " --data " + filepath.Join(data, "nowhere")
		}
		o := vzsl(t, strings.Fields(command)...)
		if o.code != exitUsage && o.code != exitFailed || !strings.Contains(o.stderr, say) && !strings.Contains(o.stdout, say) {
			t.Errorf("vzsl %s: exit code %d, not %s\n%s%s", command, o.code, say, o.stdout, o.stderr)
		}
	}
	for text, say := range map[string]string{
		"dateset = 'x'": `did you mean "dataset"?`, "[trian]\nepochs = 1": `did you mean "train"?`, "[train]\nepoch = 1": `did you mean "epochs"?`,
	} {
		refused(t, exitUsage, []string{say, "own.toml"}, "train", "--config", filetest.Write(t, "own.toml", text))
	}
}

// TestForeignSettings: a setting of another method changes nothing and is refused, from the command line and from the settings
// file, with the one that was meant.
func TestForeignSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	for command, say := range map[string]string{
		"train --method devise --epochs 5":                       "--set epochs=5",
		"train --method devise --devise-epochs=5":                "--set epochs=5",
		"train --learning-rate 1":                                "--set learning_rate=1",
		"compare --methods devise,sae --devise-epochs 5":         "--set devise.epochs=5",
		"tune --method eszsl --set learning_rate=1":              "'vzsl methods eszsl'",
		"tune --method eszsl --set gama=1":                       `did you mean "gamma"?`,
		"tune --method eszsl --set sae.lambda=1":                 "sae is not among the methods, eszsl",
		"tune --method eszsl --set see.lambda=1":                 `did you mean "sae"?`,
		"compare --methods eszsl,sae --set epochs=3":             "has no \"epochs\" (a setting of vzsl,",
		"fewshot --methods eszsl,logistic --set devise.epochs=3": "devise is not among the methods, eszsl and logistic",
		"train --method eszsl --preset paper":                    "vzsl and vzsl-sharp",
		"compare --methods eszsl,sae --preset paper":             "vzsl and vzsl-sharp",
	} {
		refused(t, exitUsage, []string{say}, strings.Fields(command)...)
	}
	filetest.Write(t, "vzsl.toml", "epochs = 3\n")
	refused(t, exitUsage, []string{"vzsl.toml: epochs", "[method.vzsl] epochs"}, "train", "--method", "devise")
	filetest.Write(t, "vzsl.toml", "[tune]\nsae-lambda = 3\n")
	refused(t, exitUsage, []string{"vzsl.toml: tune.sae-lambda", "[method.sae] lambda"}, "tune", "--method", "eszsl")
	filetest.Write(t, "vzsl.toml", "[compare]\nepochs = 3\n")
	refused(t, exitUsage, []string{"vzsl.toml: compare.epochs"}, "compare", "--methods", "eszsl")
	// VZSL and VZSL# share theirs, and one of several methods is enough: these fail later, for lack of features.
	for _, command := range []string{"train --method vzsl-sharp --set epochs=3", "compare --methods eszsl,vzsl --set epochs=3", "fewshot --methods vzsl-sharp,eszsl --set latent=3",
		"compare --methods vzsl,eszsl --preset paper"} {
		refused(t, exitFailed, []string{"no features found"}, append(strings.Fields(command), "--config", filetest.Write(t, "empty.toml", ""))...)
	}
}
