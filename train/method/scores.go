package method

// Scores streams the samples of f past the model and hands over the scores of each for the classes, which are only valid
// during the call. An error of each ends it.
func Scores(m Model, f Features, classes [][]float32, each func(i int, scores []float32) error) error {
	const chunk = 512
	rows := make([]float32, min(chunk, f.Len())*f.Dim())
	for lo := 0; lo < f.Len(); lo += chunk {
		n := min(chunk, f.Len()-lo)
		for i := range n {
			f.Row(lo+i, rows[i*f.Dim():(i+1)*f.Dim()])
		}
		scores, err := m.Score(rows[:n*f.Dim()], n, classes)
		if err != nil {
			return err
		}
		for i := range n {
			if err := each(lo+i, scores[i*len(classes):(i+1)*len(classes)]); err != nil {
				return err
			}
		}
	}
	return nil
}
