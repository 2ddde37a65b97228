//! Black-box tests and the tidy test.
