# Installation; filled in below as parts arrive.
