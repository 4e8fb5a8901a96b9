// The site without the machine: the theme as it is.
export const withMachine = (theme) => theme
