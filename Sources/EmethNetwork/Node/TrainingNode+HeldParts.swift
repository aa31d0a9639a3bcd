import EmethKit
import Foundation

/// Parts whose keys their requester holds.
extension TrainingNode {
  /// Which of the account's sealing keys a held part is sealed to: another one for each SubJob, so that its secret can be
  /// shown and opens nothing else.
  private func partEpoch(of subJob: JobID) -> UInt64 {
    subJob.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// What opens a held part.
  func partIdentity(for subJob: JobID) -> SealingIdentity {
    key.sealingIdentity(epoch: partEpoch(of: subJob))
  }

  /// Its key for one held part, bound to its account.
  func partBinding(for subJob: JobID, expiry: UInt64) -> SignedKeyBinding {
    SignedKeyBinding(
      signing: KeyBinding(of: key, epoch: partEpoch(of: subJob), expiry: expiry), in: domain, with: key)
  }

  /// The secret that shows that a held part does not open, or is another than the one that was divided; nil where it is
  /// sound, or not held.
  func secretShowingDamage(of assignment: Assignment) -> String? {
    guard assignment.partSecret == nil, !assignment.header.isEmpty, (try? store.get(assignment.data)) != nil,
      let manifest = try? TrainingManifest(json: assignment.manifest)
    else { return nil }
    let found = try? records(of: assignment, context: Int(manifest.model.context)).root
    return found == assignment.dataRoot ? nil : partIdentity(for: assignment.subJob).secretText()
  }
}
