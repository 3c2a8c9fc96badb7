/** This package's version, as servers see it in `User-Agent`. */
export const VERSION = '0.1.0';
