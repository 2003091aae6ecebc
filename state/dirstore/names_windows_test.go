package dirstore_test

// foreignNames: Windows refuses some names that are keys.
const foreignNames = true
