"""Write the ISO lists of a pycountry release as CSV: to_csv.py WHEEL DIRECTORY"""

import csv
import json
import os
import sys
import zipfile

SCOPES = {"I": "individual", "M": "macrolanguage", "S": "special"}
TYPES = {
    "A": "ancient",
    "C": "constructed",
    "E": "extinct",
    "H": "historical",
    "L": "living",
    "S": "special",
}


def country(row):
    return {**row, "numeric_code": row["numeric"]}


def subdivision(row):
    country_code = row["code"].split("-")[0]
    parent = row.get("parent")
    # Releases before 2020 give the parent without its country.
    if parent and "-" not in parent:
        parent = f"{country_code}-{parent}"
    return {**row, "country": country_code, "parent": parent}


def language(row):
    return {**row, "scope": SCOPES[row["scope"]], "type": TYPES[row["type"]]}


TABLES = {
    "countries": (
        "3166-1",
        country,
        ["alpha_2", "alpha_3", "numeric_code", "name", "official_name", "common_name"],
    ),
    "subdivisions": ("3166-2", subdivision, ["code", "country", "parent", "name", "type"]),
    "languages": (
        "639-3",
        language,
        ["alpha_3", "alpha_2", "bibliographic", "name", "inverted_name", "common_name", "scope", "type"],
    ),
}


def main(wheel, directory):
    os.makedirs(directory, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for table, (standard, convert, columns) in TABLES.items():
            rows = json.loads(archive.read(f"pycountry/databases/iso{standard}.json"))[standard]
            with open(f"{directory}/{table}.csv", "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(map(convert, rows))


main(*sys.argv[1:])
