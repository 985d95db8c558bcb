package textencoder

import (
	"os"
	"path/filepath"
	"testing"

	"vzsl/extract/model"
)

// FuzzFolder: what the files beside a text model say is read or refused, and a limit of tokens is one that can be.
func FuzzFolder(f *testing.F) {
	files := []string{"config.json", "tokenizer_config.json", "sentence_bert_config.json", filepath.Join("1_Pooling", "config.json")}
	f.Add([]byte(`{"model_type": "clip", "logit_scale": 4.6, "text_config": {"max_position_embeddings": 77, "pad_token_id": 1}}`),
		[]byte(`{"model_max_length": 1e30, "pad_token": {"content": "<pad>"}, "do_lower_case": true}`), []byte(`{"max_seq_length": 128, "do_lower_case": false}`), []byte(`{"pooling_mode_mean_tokens": true}`))
	f.Add([]byte(`{"model_type": "roberta", "max_position_embeddings": 1}`), []byte(`{"model_max_length": -1, "pad_token": "x"}`), []byte(`[]`), []byte(`{"pooling_mode_mean_tokens": true, "pooling_mode_x": true}`))
	dir := f.TempDir()
	network, err := os.ReadFile(filepath.Join("testdata", "bert.onnx"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.onnx"), network, 0o600)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "1_Pooling"), 0o700)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, tokenizer, sentence, pooling []byte) {
		for i, b := range [][]byte{config, tokenizer, sentence, pooling} {
			if err := os.WriteFile(filepath.Join(dir, files[i]), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := model.FindText(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := readFolder(m)
		if err == nil && (s.limit < 0 || s.limit >= 1<<20) {
			t.Fatalf("%d tokens", s.limit)
		}
	})
}
