module mydocker/scripts

go 1.19
