package host

const osName = "Mac OS X"
