import EmethKit
import Foundation

/// Any bytes: a training manifest, a split's plan and manifest, a record's proof and a rule set are refused, or read again as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = UnsafeBufferPointer(start: bytes, count: count)
  let text = String(decoding: input, as: UTF8.self)
  if let manifest = try? TrainingManifest(json: text) {
    guard let again = try? TrainingManifest(json: manifest.canonicalJSON) else {
      preconditionFailure("a manifest's canonical text is refused: \(manifest.canonicalJSON)")
    }
    precondition(
      again.programHash == manifest.programHash, "the program hash changed: \(manifest.canonicalJSON)")
  }
  readAndWrite(SplitPlan.self, Data(input))
  readAndWrite(SplitManifest.self, Data(input))
  readAndWrite(RecordProof.self, Data(input))
  readAndWrite(RuleSet.self, Data(input))
  return 0
}

private func readAndWrite<Value: Codable & Equatable>(_ type: Value.Type, _ data: Data) {
  guard let value = try? JSONDecoder().decode(type, from: data) else { return }
  guard let written = try? JSONEncoder().encode(value),
    let again = try? JSONDecoder().decode(type, from: written)
  else { preconditionFailure("\(type) does not read what it wrote") }
  precondition(again == value, "\(type) reads another value than it wrote")
}
