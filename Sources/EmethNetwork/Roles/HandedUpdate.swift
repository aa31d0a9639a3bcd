import EmethKit
import Foundation

/// What a verifier hands to another one about a node that masked another update than it submitted: the update, and the round
/// secret that the node opened to it alone.
///
/// It proves itself. The node has signed its masked vector's root and the roster, and the roster has the root of the
/// update that it submitted and the key that it masked with: no other update and no other secret fit those, whoever hands
/// them over. So an honest node loses nothing by a verifier that lies.
struct HandedUpdate {
  let opening: RoundOpening
  /// The salts of the update's chunks, which only the node and its verifiers know.
  let salts: [Data]
  /// All of q.
  let update: Data

  private struct Header: Codable {
    var opening: RoundOpening
    var resultSalts: [HexText]
  }

  init(opening: RoundOpening, salts: [Data], update: Data) {
    self.opening = opening
    self.salts = salts
    self.update = update
  }

  /// Reads what another one has written; nil for anything else.
  init?(encoded bytes: [UInt8]) {
    guard bytes.count > 4 else { return nil }
    let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard length <= bytes.count - 4,
      let header = try? JSONDecoder().decode(Header.self, from: Data(bytes[4..<4 + length]))
    else { return nil }
    // A buffer of its own, aligned for the words.
    self.init(
      opening: header.opening, salts: header.resultSalts.map(\.wrappedValue),
      update: Data(bytes[(4 + length)...]))
  }

  /// The header's length (u32, big-endian), the header, and the update's words.
  func encoded() throws -> [UInt8] {
    let header = try WireFormat.encoder.encode(
      Header(opening: opening, resultSalts: salts.map { HexText(wrappedValue: $0) }))
    return UInt32(header.count).bigEndianBytes + header + update
  }

  /// The root of the vector that the node should have posted; nil where this is not what the node has signed for.
  func expectedRoot(
    of masked: SignedMasked, roster: Roster, in domain: EIP712Domain
  ) throws(NetworkError) -> Bytes32? {
    let word = masked.content
    guard let entry = roster.entries.first(where: { $0.jobID == word.jobID }),
      word.rosterHash == roster.hash, opening.jobID == word.jobID,
      (try? masked.check(signers: TrustedSigners(entry.node), in: domain)) != nil,
      !update.isEmpty, update.count % UpdateRing.wordByteCount == 0,
      salts.count == Update.chunkCount(update.count), salts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: salts) == entry.resultRoot
    else { return nil }
    do {
      return try update.withUnsafeBytes { try opening.maskedRoot(of: $0, roster: roster) }
    } catch AggregationError.library(let cause) {
      throw NetworkError(cause)
    } catch {
      return nil
    }
  }
}
