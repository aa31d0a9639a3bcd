import EmethKit
import Foundation

/// Any bytes: as a signed ticket, a signed batch, a ticket with proof and a leaves file, each is refused or
/// reads again as the same after it was written, and a check gives an answer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = UnsafeBufferPointer(start: bytes, count: count)
  let data = Data(input)
  if let ticket = readAndWrite(SignedTicket.self, data) { try? ticket.check() }
  if let batch = readAndWrite(SignedBatch.self, data) { try? batch.check() }
  if let proven = readAndWrite(ProvenTicket.self, data) { try? proven.check() }
  _ = readAndWrite(UnsignedTicket.self, data)
  if let leaves = try? TicketTrees.tickets(inLeavesFile: Array(input)) {
    precondition(
      TicketTrees.leavesFile(leaves) == Array(input),
      "a leaves file was read that is not the one form of its leaves")
  }
  return 0
}

private func readAndWrite<Value: Codable & Equatable>(_ type: Value.Type, _ data: Data) -> Value? {
  guard let value = try? JSONDecoder().decode(type, from: data) else { return nil }
  guard let written = try? JSONEncoder().encode(value),
    let again = try? JSONDecoder().decode(type, from: written)
  else { preconditionFailure("\(type) does not read what it wrote") }
  precondition(again == value, "\(type) reads another value than it wrote")
  return value
}
