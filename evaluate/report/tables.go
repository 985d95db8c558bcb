package report

import (
	"fmt"
	"strings"
)

// Markdown returns the page's text and tables for a README, with links relative to the report's folder.
func (s *Summary) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", markdownEscape(s.Heading), markdownEscape(s.Lead))
	for i := range s.Tables {
		b.WriteString(s.Tables[i].markdown() + "\n")
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "- %s\n", markdownEscape(n))
	}
	fmt.Fprintf(&b, "\n    %s\n", s.Command)
	return []byte(b.String())
}

func (t *Table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n|", markdownEscape(t.Caption))
	for _, h := range t.Head {
		fmt.Fprintf(&b, " %s |", markdownEscape(h))
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(t.Head)-1) + "\n")
	for _, row := range t.Rows {
		b.WriteString("|")
		for _, c := range row {
			text := markdownEscape(c.Text)
			if c.Own {
				text = "**" + text + "**"
			}
			if c.Link != "" {
				text = "[" + text + "](" + c.Link + ")"
			}
			if c.Small != "" {
				text += " " + markdownEscape(c.Small)
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

var markdownEscape = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", `\<`, "\n", " ").Replace

// LaTeX returns the tables for a paper (package booktabs), with the notes as comments.
func (s *Summary) LaTeX() []byte {
	var b strings.Builder
	b.WriteString("% \\usepackage{booktabs}\n")
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "%% %s\n", strings.ReplaceAll(n, "\n", " "))
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		fmt.Fprintf(&b, "\\begin{table}\n\\centering\n\\caption{%s}\n\\begin{tabular}{l%s}\n\\toprule\n", latexEscape(t.Caption), strings.Repeat("r", len(t.Head)-1))
		for j, h := range t.Head {
			b.WriteString(latexEscape(h) + latexEnd(j, len(t.Head)))
		}
		b.WriteString("\\midrule\n")
		for _, row := range t.Rows {
			for j, c := range row {
				text := latexEscape(c.Text)
				if c.Own {
					text = "\\textbf{" + text + "}"
				}
				if c.Small != "" {
					text += " {\\footnotesize " + latexEscape(c.Small) + "}"
				}
				b.WriteString(text + latexEnd(j, len(row)))
			}
		}
		b.WriteString("\\bottomrule\n\\end{tabular}\n\\end{table}\n")
	}
	return []byte(b.String())
}

// latexEnd ends a cell, or after the last one the row.
func latexEnd(at, of int) string {
	if at+1 < of {
		return " & "
	}
	return " \\\\\n"
}

var latexEscape = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`, "{", `\{`, "}", `\}`,
	"~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "±", `$\pm$`, "–", "--", "\u202f", `\,`, "\n", " ").Replace
