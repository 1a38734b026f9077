// Progressive enhancement of the pages for the owner.
