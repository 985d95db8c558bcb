package server

import "os"

// begin loads the initial classes and labels.
func (s *Server) begin() error {
	s.kept = newKept(keptBytes)
	c := &classSet{Classes: s.o.Classes, model: s.o.Model, version: digest(csvOf(s.o.Model.Attributes(), &s.o.Classes))}
	var err error
	if s.file, err = openOwnFile(s.o.ClassFile); err != nil {
		return err
	}
	if s.labels, err = openOwnFile(s.o.LabelFile); err != nil {
		return err
	}
	if s.labels.last != "" {
		text, err := os.ReadFile(s.o.LabelFile)
		if err != nil {
			return err
		}
		if c.labels, err = readLabels(s.o.LabelFile, text); err != nil {
			return err
		}
	}
	s.classes.Store(c)
	return nil
}
