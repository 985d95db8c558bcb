package workspace

import (
	"errors"
	"fmt"
	"os"

	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/pipeline/usage"
)

const whereToGetVGG19 = "run 'vzsl download vgg19', or get vgg19-7.onnx from the ONNX model zoo (https://github.com/onnx/models, validated/vision/classification/vgg; the files are at https://huggingface.co/onnxmodelzoo) and give it as --model (make: MODEL=path/to/vgg19-7.onnx)"

// FindModel finds the network at path; its features are called name, or by what the model tells.
func (w *Workspace) FindModel(path, name string) (*model.Model, error) {
	if name != "" {
		if err := usage.FolderName("network", name); err != nil {
			return nil, err
		}
	}
	m, err := model.Find(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: model file not found; %s", path, whereToGetVGG19)
	case err != nil:
		return nil, err
	}
	if m.Why != "" {
		w.Log.Info("model "+m.File, "because", m.Why)
	}
	if name != "" {
		m.Name = name
	}
	if m.Name == "" {
		return nil, usage.Errorf("--network NAME is required: features are named after the network, and neither the name of %s nor that of its folder is specific enough", m.File)
	}
	return m, nil
}

// ChooseRecipe finds how the model's images are prepared, and says where that comes from.
func (w *Workspace) ChooseRecipe(m *model.Model, net *onnx.Network, o model.Overrides) (preprocess.Recipe, error) {
	r, notes, err := m.Recipe(net, o)
	var flags model.FlagError
	if errors.As(err, &flags) {
		return r, usage.Wrap(err)
	}
	if err != nil {
		return r, err
	}
	for _, n := range notes {
		if n.Warning {
			w.Log.Warn(n.Text, "because", n.Because)
		} else {
			w.Log.Info(n.Text, "because", n.Because)
		}
	}
	return r, nil
}
