#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dicom_store
short_description: Sends DICOM files to a server that lacks them
version_added: 1.0.0
description:
  - Sends files by C-STORE as they are, without changing or recompressing them.
  - Before sending, asks the server which instances it has, through Orthanc's REST API if O(orthanc) is given, else by
    C-FIND.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.dicom
attributes:
  check_mode:
    support: full
    details: Asks what is there, reports what would be sent and sends nothing.
  diff_mode:
    support: none
    details: RV(to_send) says what is, or would be, sent.
  idempotent:
    support: partial
    details: With O(force=true) each run sends everything.
options:
  src:
    description:
      - Files, and directories that are searched at every depth.
      - In a directory, what is not DICOM is left out and listed in RV(ignored). A file that is named must be DICOM.
    type: list
    elements: path
    required: true
  force:
    description: Send everything without asking what is there.
    type: bool
    default: false
  associations:
    description: Over how many associations at once to send.
    type: int
    default: 1
  orthanc:
    description: Orthanc's REST API, to ask what is there. Without it the server must allow us C-FIND.
    type: dict
    suboptions:
      url:
        description: Root of the REST API, with the path prefix of a proxy if there is one.
        type: str
        required: true
      url_username:
        description: User of Orthanc.
        type: str
      url_password:
        description: Password of O(orthanc.url_username).
        type: str
      ca_path:
        description: PEM file with the CA certificates to trust instead of the machine's.
        type: path
      validate_certs:
        description: Whether the server's certificate is checked.
        type: bool
        default: true
      timeout:
        description: Longest wait for the connection and for an answer, in seconds.
        type: float
        default: 10.0
      retries:
        description: How often to try again when the connection fails.
        type: int
        default: 2
"""

EXAMPLES = r"""
- name: Send a study as the scanner would
  threedpc.pacs.dicom_store:
    src: /srv/phantom
    host: pacs.example.org
    calling_aet: CT1
    called_aet: 3DPCPACS
    orthanc:
      url: https://pacs.example.org/orthanc
      url_username: staff
      url_password: "{{ staff_password }}"
  delegate_to: localhost

- name: Send two files again, whatever the server has
  threedpc.pacs.dicom_store:
    src: [a.dcm, b.dcm]
    host: pacs.example.org
    calling_aet: CT1
    called_aet: 3DPCPACS
    force: true
"""

RETURN = r"""
sent:
  description: How many instances the server stored. It is 0 in check mode.
  returned: always
  type: int
  sample: 100
present:
  description: How many were not sent because the server has them, or because another file holds the same instance.
  returned: always
  type: int
  sample: 0
to_send:
  description: The files that were, or in check mode would be, sent.
  returned: success
  type: list
  elements: str
  sample: [/srv/phantom/1.dcm]
ignored:
  description: Files below a directory that are not DICOM.
  returned: success
  type: list
  elements: str
  sample: [/srv/phantom/README]
statuses:
  description: How many answers had which status. The keys are hexadecimal, such as V(0x0000) or V(0xB000).
  returned: always
  type: dict
  sample: {"0x0000": 100}
not_stored:
  description: How many of RV(to_send) the server did not store. If there are any, the module fails.
  returned: always
  type: int
  sample: 0
failed_files:
  description: The first 20 of the files that the server did not store.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      returned: always
      type: str
      sample: /srv/phantom/1.dcm
    sop_instance_uid:
      description: Its instance.
      returned: always
      type: str
      sample: 1.2.3
    status:
      description: Status of the answer, hexadecimal, or null if there was none.
      returned: always
      type: str
      sample: "0xA700"
    reason:
      description: Why, as a sentence.
      returned: always
      type: str
      sample: out of resources
  sample: []
milliseconds:
  description: How long the sending took.
  returned: always
  type: float
  sample: 812.4
"""

import collections
import concurrent.futures
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_association import (
    MAX_CONTEXTS,
    Association,
    check_params,
    dicom_argument_spec,
    require_pynetdicom,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_connection import AssociationFailed
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_files import collect
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec

try:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID
    from pynetdicom import _config
except ImportError:
    # require_pynetdicom tells.
    pass

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
# How many instances are asked for at once; fewer than the limit of a cautious Orthanc (LimitFindInstances).
LOOKUP_BATCH = 50
LISTED_FAILURES = 20
# Statuses of C-STORE (PS3.4, B.2.3 and PS3.7, annex C): first value, last value, meaning.
MEANINGS = [
    (0x0117, 0x0117, "invalid SOP instance"),
    (0x0122, 0x0122, "SOP class not supported"),
    (0x0124, 0x0124, "not authorized"),
    (0x0210, 0x0210, "duplicate invocation"),
    (0x0211, 0x0211, "unrecognized operation"),
    (0x0212, 0x0212, "mistyped argument"),
    (0x0110, 0x0110, "processing failure"),
    (0xA700, 0xA7FF, "out of resources"),
    (0xA900, 0xA9FF, "data set does not match SOP class"),
    (0xC000, 0xCFFF, "cannot understand"),
]


def is_stored(status):
    """Success, or a warning: something was coerced or dropped, but the instance is stored."""
    return status in (0x0000, 0x0001, 0x0107, 0x0116) or 0xB000 <= status <= 0xBFFF


def meaning(status, comment=""):
    text = next((text for first, last, text in MEANINGS if first <= status <= last), "failure")
    return "status 0x%04X, %s" % (status, text) + (": %s" % comment if comment else "")


def known_to_orthanc(client, files):
    """The SOP Instance UIDs that Orthanc has."""
    known = set()
    uids = [file.sop_instance for file in files]
    for start in range(0, len(uids), LOOKUP_BATCH):
        batch = uids[start : start + LOOKUP_BATCH]
        query = dict(Level="Instance", Expand=True, Query=dict(SOPInstanceUID="\\".join(batch)))
        for instance in client.request("POST", "/tools/find", query) or []:
            known.add(instance.get("MainDicomTags", {}).get("SOPInstanceUID"))
    return known


def known_by_query(params, files):
    """The SOP Instance UIDs of the files' series that the server has."""
    known = set()
    try:
        with Association(params, [(STUDY_ROOT_FIND, None)]) as association:
            for study, series in sorted({(file.study, file.series) for file in files}):
                query = Dataset()
                query.QueryRetrieveLevel = "IMAGE"
                query.StudyInstanceUID = study
                query.SeriesInstanceUID = series
                query.SOPInstanceUID = ""
                known.update(str(found.get("SOPInstanceUID", "")) for found in association.find(query, STUDY_ROOT_FIND))
    except PacsError as error:
        raise PacsError(
            "can't ask by C-FIND what the server has: %s. Give orthanc, or force to send everything" % error.message,
            **error.result,
        ) from None
    return known


def without_known(files, known):
    """The files whose instance is not known, each instance once."""
    known = set(known)
    result = []
    for file in files:
        if file.sop_instance not in known:
            known.add(file.sop_instance)
            result.append(file)
    return result


def portions(files, associations):
    """The files dealt out to associations, none of which proposes more than DICOM allows."""
    contexts = sorted({file.context for file in files})
    dealt = []
    for start in range(0, len(contexts), MAX_CONTEXTS):
        chosen = set(contexts[start : start + MAX_CONTEXTS])
        group = [file for file in files if file.context in chosen]
        dealt += [group[number::associations] for number in range(associations)]
    return [portion for portion in dealt if portion]


def uid_name(uid):
    return UID(uid).name


class Sender:
    """Sends files and counts the answers."""

    def __init__(self, params):
        self.params = params
        self.sent = 0
        self.statuses = collections.Counter()
        self.failed = []

    def fail(self, file, reason, status=None):
        self.failed.append(
            dict(
                path=file.path,
                sop_instance_uid=file.sop_instance,
                status=None if status is None else "0x%04X" % status,
                reason=reason,
            )
        )

    def send(self, files):
        waiting = list(files)
        # Each combination is proposed by itself, so that the server answers for each.
        contexts = [(sop_class, [syntax]) for sop_class, syntax in sorted({file.context for file in files})]
        try:
            with Association(self.params, contexts) as association:
                while waiting:
                    self._send_one(association, waiting[0])
                    waiting.pop(0)
        except AssociationFailed as failure:
            for file in waiting:
                self.fail(file, failure.message)

    def _send_one(self, association, file):
        if not association.accepts(*file.context):
            self.fail(file, "the server does not take %s as %s" % tuple(uid_name(uid) for uid in file.context))
            return
        try:
            answer = association.store(file.path)
        except (OSError, ValueError, AttributeError) as error:
            self.fail(file, "the file can't be sent: %s" % error)
            return
        self.statuses["0x%04X" % answer.Status] += 1
        if is_stored(answer.Status):
            self.sent += 1
        else:
            self.fail(file, meaning(answer.Status, str(answer.get("ErrorComment", ""))), answer.Status)


def summary(failed, total, params):
    reasons = collections.Counter(failure["reason"] for failure in failed)
    return "%d of %d instances are not stored by %s at %s port %d: %s" % (
        len(failed),
        total,
        params["called_aet"],
        params["host"],
        params["port"],
        "; ".join("%d times %s" % (count, reason) for reason, count in reasons.most_common(5)),
    )


def run(params, check_mode):
    check_params(params)
    if params["associations"] < 1:
        raise PacsError("associations must be 1 or more, not %d" % params["associations"])
    files, ignored = collect(params["src"])
    known = set()
    if files and not params["force"]:
        if params["orthanc"]:
            known = known_to_orthanc(OrthancClient(params["orthanc"]), files)
        else:
            known = known_by_query(params, files)
    to_send = without_known(files, known)
    result = dict(
        changed=bool(to_send),
        sent=0,
        present=len(files) - len(to_send),
        to_send=[file.path for file in to_send],
        ignored=ignored,
        statuses={},
        not_stored=0,
        failed_files=[],
        milliseconds=0.0,
    )
    if check_mode or not to_send:
        return result

    # The bytes of the file go out as they are, and not all of them are in memory at once.
    _config.STORE_SEND_CHUNKED_DATASET = True
    dealt = portions(to_send, params["associations"])
    senders = [Sender(params) for portion in dealt]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(params["associations"]) as pool:
        list(pool.map(Sender.send, senders, dealt))
    result["milliseconds"] = round((time.monotonic() - start) * 1000, 1)
    result["statuses"] = dict(sum((sender.statuses for sender in senders), collections.Counter()))
    result["sent"] = sum(sender.sent for sender in senders)
    failed = sorted(sum((sender.failed for sender in senders), []), key=lambda failure: failure["path"])
    result["not_stored"] = len(failed)
    result["failed_files"] = failed[:LISTED_FAILURES]
    result["changed"] = result["sent"] > 0
    if failed:
        # The reasons matter now; a list of all files would bury them.
        del result["to_send"], result["ignored"]
        raise PacsError(summary(failed, len(to_send), params), **result)
    return result


def main():
    module = AnsibleModule(
        # Ansible would write nested options to the system's log as Python text, in which a password
        # with a quote or a backslash is not recognized and not masked.
        no_log=True,
        argument_spec=dict(
            dicom_argument_spec(),
            src=dict(type="list", elements="path", required=True),
            force=dict(type="bool", default=False),
            associations=dict(type="int", default=1),
            orthanc=dict(type="dict", options=orthanc_argument_spec()),
        ),
        supports_check_mode=True,
    )
    require_pynetdicom(module)
    try:
        result = run(module.params, module.check_mode)
    except PacsError as error:
        error.fail(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
