-- Takes the number until the sagas of branch `engine` stand here.
SELECT 1;
