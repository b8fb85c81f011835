"""Who is measured: each folder in contenders/ with its setup.sql, and the extensions it requires."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "contenders"
BASES = ("untracked", "raw_copy")
OURS = "directus_versions"
RIVAL = "plpgsql_row"


@dataclass(frozen=True)
class Contender:
    name: str

    @property
    def is_base(self):
        return self.name in BASES

    @property
    def is_close(self):
        """Measured in every round."""
        return self.is_ours or self.name == RIVAL

    @property
    def is_ours(self):
        return self.name.startswith(OURS)

    @property
    def setup(self):
        return FOLDER / self.name / "setup.sql"

    @property
    def requires(self):
        file = FOLDER / self.name / "requires"
        return file.read_text().split() if file.exists() else []


def select(names):
    """The bases, and the contenders of these names; all for None."""
    known = sorted(path.parent.name for path in FOLDER.glob("*/setup.sql"))
    unknown = set(names or ()) - set(known)
    if unknown:
        raise ValueError(f"no such contender: {', '.join(sorted(unknown))}")
    chosen = [name for name in known if name not in BASES and (names is None or name in names)]
    return [Contender(name) for name in (*BASES, *chosen)]
