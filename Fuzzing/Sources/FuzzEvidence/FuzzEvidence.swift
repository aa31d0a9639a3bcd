import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// Any bytes as evidence against a node: a file is refused, or judged without harm. The same bytes once more with
/// every length and hash put right, so that what lies behind them is reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let data = Data(bytes: bytes, count: count)
  judge(data)
  if let repaired = repaired(data) { judge(repaired) }
  return 0
}

private func judge(_ data: Data) {
  guard let file = try? EvidenceFile(data, name: "input"), isSmall(file.header) else { return }
  guard let hash = try? file.header.hash() else { preconditionFailure("a header that was read has no hash") }
  precondition(hash == file.hash, "a header is read as another than it was written")
  guard let device = try? Device.cpu(threads: 1) else { preconditionFailure("there is no CPU") }
  guard let judgement = try? file.judge(on: device, bisects: true) else { return }
  precondition(!judgement.checks.isEmpty, "nothing was checked")
  if let found = judgement.mismatch {
    precondition(found.kind == file.header.finding.kind, "something else is found than the file says")
    precondition((try? file.header.submission.check(in: file.header.domain)) != nil, "nobody has signed it")
  }
}

/// Whether work of this size is done within a fuzzer's time: what is larger is judged as well, only slowly.
private func isSmall(_ header: EvidenceHeader) -> Bool {
  guard let manifest = try? TrainingManifest(json: header.facts.manifest) else { return true }
  let model = manifest.model
  return [model.layers, model.width, model.context, model.vocabularySize].allSatisfy { $0 <= 256 }
    && manifest.batch <= 8 && manifest.stepsPerRound <= 64 && header.facts.sequenceCount <= 4_096
}

/// The input as a file of which all lengths and hashes are right; nil when it has no header.
private func repaired(_ data: Data) -> Data? {
  guard data.count > 12 else { return nil }
  let length = data[8..<12].reduce(0) { $0 << 8 | Int($1) }
  guard length <= data.count - 12,
    var header = try? JSONDecoder().decode(EvidenceHeader.self, from: data[12..<12 + length])
  else { return nil }
  var rest = data[(12 + length)...]
  var sections = Data()
  for place in header.sections.indices {
    let content = rest.prefix(Int(min(header.sections[place].byteCount, UInt64(rest.count))))
    rest = rest.dropFirst(content.count)
    header.sections[place].byteCount = UInt64(content.count)
    header.sections[place].sha256 = Data(content).withUnsafeBytes { SHA256.hash($0) }
    sections += content
  }
  guard let encoded = try? WireFormat.encoder.encode(header) else {
    preconditionFailure("a header can't be written")
  }
  var file = data.prefix(8) + bigEndian(encoded.count) + encoded + sections
  let trailer = rest.dropFirst(4)
  let isTrailer = (try? JSONDecoder().decode(EvidenceTrailer.self, from: trailer)) != nil
  let written = isTrailer ? Data(trailer) : Data(#"{"verdicts":[]}"#.utf8)
  file += bigEndian(written.count) + written
  return file
}

private func bigEndian(_ count: Int) -> Data {
  withUnsafeBytes(of: UInt32(clamping: count).bigEndian) { Data($0) }
}
