#!/usr/bin/env python3
"""sbom.py OUT NAME VERSION LICENSE DEPENDENCY...: what the built programs link, as a CycloneDX 1.5 document.

A DEPENDENCY is name=version=license=purl-name; one without a version was not found and is left out. The document has
no time and no random number, so that the same build makes the same bytes.
"""
import hashlib
import json
import sys
import uuid

out, name, version, license_of_it, *dependencies = sys.argv[1:]
components = []
for text in sorted(dependencies):
    library, found, its_license, package = text.split("=")
    if not found or found == "unknown":
        continue
    components.append({
        "type": "library",
        "bom-ref": f"{library}@{found}",
        "name": library,
        "version": found,
        "licenses": [{"expression": its_license}],
        "purl": f"pkg:{package}@{found}",
    })
known = json.dumps([name, version, components], sort_keys=True).encode()
document = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(known).digest()[:16], version=4)}",
    "version": 1,
    "metadata": {"component": {
        "type": "application",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"expression": license_of_it}],
    }},
    "components": components,
    "dependencies": [{"ref": f"{name}@{version}", "dependsOn": [c["bom-ref"] for c in components]}],
}
with open(out, "w", encoding="utf-8") as file:
    json.dump(document, file, indent=2)
    file.write("\n")
