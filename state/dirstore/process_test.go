package dirstore_test

const roleVar = "X"

func playRole(string) int { return 0 }
