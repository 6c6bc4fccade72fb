/* What is wrong with a token: static text to be put behind it, such as "has a
 * suffix, expected a plain number". */
#ifndef READER_SLIPS_H
#define READER_SLIPS_H

struct token;

/* Wherever it stands.  NULL: nothing. */
const char *slip_bytes(const struct token *token);

/* As a value that is neither number, boolean nor string.  Never NULL. */
const char *slip_word(const struct token *token);

/* A LEX_NUMBER.  NULL: nothing, it is a whole number of 32 bits with sign, or
 * one with decimals, in plain digits. */
const char *slip_number(const struct token *token);

/*
 * A LEX_STRING.  Sets *escape to its first backslash that does not start one
 * of \\ \" \f \n \r \t \xNN, or starts \x00.  NULL: none.
 */
const char *slip_string(const struct token *token, const char **escape);

#endif
