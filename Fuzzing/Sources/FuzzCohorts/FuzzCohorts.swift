import EmethKit
import Foundation

/// Any bytes: a cohort's messages and a node's memory are refused, or read again as the same; what is read is
/// taken by those who would get it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let data = Data(bytes: bytes, count: count)
  readAndWrite(CohortMemory.self, data)
  readAndWrite(MaskedVector.self, data)
  guard let message = readAndWrite(CohortMessage.self, data) else { return 0 }
  switch message {
  case .form(let plan, _):
    guard var collector = try? CohortCollector(plan: plan, domain: .embedded, keySeconds: 1, maskSeconds: 1)
    else { return 0 }
    _ = try? collector.start(at: .max)
    _ = collector.tick(at: .max)
  case .offer(let roster, _):
    try? roster.check(in: .embedded)
    let secret = RoundSecret(.zero)
    for entry in roster.entries { _ = try? UpdateMask(secret: secret, roster: roster, member: entry.jobID) }
  case .roundKey(let key): try? key.check()
  case .masked(let masked): try? masked.check()
  case .cohortSum(let sum): try? sum.check()
  case .sumShare(let share): try? share.check()
  case .opening(let opening): _ = RoundSecret(opening.roundSecret)
  case .maskedFault(let fault): try? fault.check()
  }
  return 0
}

@discardableResult
private func readAndWrite<Value: Codable & Equatable>(_ type: Value.Type, _ data: Data) -> Value? {
  guard let value = try? JSONDecoder().decode(type, from: data) else { return nil }
  guard let written = try? JSONEncoder().encode(value),
    let again = try? JSONDecoder().decode(type, from: written)
  else { preconditionFailure("\(type) does not read what it wrote") }
  precondition(again == value, "\(type) reads another value than it wrote")
  return value
}
