package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
)

// A result of evaluate.ZeroShot becomes a page, a JSON file and a Parquet file; the page can be made again from the others.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	hit := evaluate.Accuracy{MeanPerClass: evaluate.Estimate{Value: 1}, PerImage: evaluate.Estimate{Value: 1}}
	r := &evaluate.Result{
		Dataset: "animals", Split: "own", SeenCount: 20, Candidates: []string{"zebra", "okapi"}, WithoutImages: []string{"okapi"},
		Images: 1, Chance: 0.5, Top1: hit, Hits: []evaluate.Hit{{K: 1, Chance: 0.5, Accuracy: hit}},
		Classes:     []evaluate.Class{{Name: "zebra", Images: 1, Correct: 1, Accuracy: 1, Interval: &evaluate.Interval{Low: 0.20654931437723745, High: 1}}, {Name: "okapi"}},
		Predictions: []evaluate.Prediction{{Image: "1.jpg", Rank: 1, Score: 0.9, Top: []evaluate.Choice{{Class: 0, Score: 0.9}, {Class: 1, Score: 0.1}}}},
	}
	paths, err := report.Write(dir, r, &result.Run{Name: "first", Method: "ESZSL"}, report.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filepath.Base(paths.HTML), filepath.Base(paths.JSON), filepath.Base(paths.Predictions))

	stored, err := result.Read(dir)
	if err == nil {
		_, err = report.Rebuild(stored, report.Options{})
	}
	fmt.Println(stored.Run.Method, stored.Result.Top1.MeanPerClass.Value, err)
	// Output:
	// report.html report.json predictions.parquet
	// ESZSL 1 <nil>
}

// Tables for a paper.
func ExampleSummary_LaTeX() {
	s := &report.Summary{Tables: []report.Table{{
		Caption: "Top-1 (%)", Head: []string{"Method", "CUB"},
		Rows: [][]report.TableCell{{{Text: "ESZSL"}, {Text: "52.1", Small: "± 0.3"}}},
	}}}
	fmt.Print(string(s.LaTeX()))
	// Output:
	// % \usepackage{booktabs}
	// \begin{table}
	// \centering
	// \caption{Top-1 (\%)}
	// \begin{tabular}{lr}
	// \toprule
	// Method & CUB \\
	// \midrule
	// ESZSL & 52.1 {\footnotesize $\pm$ 0.3} \\
	// \bottomrule
	// \end{tabular}
	// \end{table}
}
