package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableFormats(t *testing.T) {
	s := &Summary{
		Heading: "Methods on a_b", Lead: "A lead.", Command: "vzsl compare", Notes: []string{"50 % of 2 | 3.\nmore"},
		Tables: []Table{{Caption: "In percent", Head: []string{"Method", "Top-1 (%)", "Published"}, Rows: [][]TableCell{
			{{Text: "VZSL#", Own: true}, {Text: "53.9", Small: "± 0.3", Link: "vzsl-sharp/report.html"}, {Text: "–"}},
			{{Text: `a|b\c_{d}`}, {Text: "1.0"}, {Text: "57.42", Small: "± 0.63"}},
		}}},
	}
	markdown := `# Methods on a\_b

A lead.

In percent

| Method | Top-1 (%) | Published |
|---|---:|---:|
| **VZSL#** | [53.9](vzsl-sharp/report.html) ± 0.3 | – |
| a\|b\\c\_{d} | 1.0 | 57.42 ± 0.63 |

- 50 % of 2 \| 3. more

    vzsl compare
`
	latex := `% \usepackage{booktabs}
% 50 % of 2 | 3. more
\begin{table}
\centering
\caption{In percent}
\begin{tabular}{lrr}
\toprule
Method & Top-1 (\%) & Published \\
\midrule
\textbf{VZSL\#} & 53.9 {\footnotesize $\pm$ 0.3} & -- \\
a|b\textbackslash{}c\_\{d\} & 1.0 & 57.42 {\footnotesize $\pm$ 0.63} \\
\bottomrule
\end{tabular}
\end{table}
`
	if d := cmp.Diff(markdown, string(s.Markdown())); d != "" {
		t.Errorf("Markdown (-want +got):\n%s", d)
	}
	if d := cmp.Diff(latex, string(s.LaTeX())); d != "" {
		t.Errorf("LaTeX (-want +got):\n%s", d)
	}
}
