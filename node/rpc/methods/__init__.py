"""The methods, by subject: each class gives a table of name -> handler."""
