package main

// The doors: see main.go of step06-final. Go 1.19 initialises first what the first file imports, so
// this file's name is before those of the others.
import (
	_ "mydocker/step06-final/internal/containerinit"
	_ "mydocker/step06-final/internal/shim"
)
