// What every page needs. A classic script: it runs from disk, too.
"use strict";
