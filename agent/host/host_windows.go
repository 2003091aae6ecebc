package host

const osName = "Windows"
