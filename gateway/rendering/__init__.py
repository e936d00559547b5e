"""What is shown of an instance: pixels made into pictures, reports into documents; no I/O."""
