package features

import "github.com/apache/arrow/go/v15/parquet"

// TextColumns are the names of a Parquet file's columns of text, whoever wrote it.
func TextColumns(path string) ([]string, error) {
	t, err := openTable(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	var names []string
	s := t.r.MetaData().Schema
	for i := range s.NumColumns() {
		if c := s.Column(i); c.PhysicalType() == parquet.Types.ByteArray && c.MaxRepetitionLevel() == 0 && c.Path() == c.Name() {
			names = append(names, c.Name())
		}
	}
	return names, nil
}

// ReadText reads columns of text of a Parquet file.
func ReadText(path string, names ...string) ([][]string, error) {
	t, err := openTable(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	columns := make([][]string, len(names))
	for g := range t.groups() {
		for i, name := range names {
			part, err := t.strings(g, name)
			if err != nil {
				return nil, err
			}
			columns[i] = append(columns[i], part...)
		}
	}
	return columns, nil
}
