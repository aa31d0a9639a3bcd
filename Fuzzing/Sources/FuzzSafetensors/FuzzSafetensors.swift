import EmethCompute
import Foundation

/// Any bytes: a safetensors file is opened or refused, and what was opened has all its tensors inside, end to
/// end, and readable or refused.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let data = Data(bytes: bytes, count: count)
  guard let file = try? SafetensorsFile(data: data, url: URL(filePath: "input")) else { return 0 }
  var end = file.tensors.first?.byteRange.lowerBound ?? count
  for tensor in file.tensors {
    precondition(tensor.byteRange.lowerBound == end, "a gap before \(tensor.name)")
    end = tensor.byteRange.upperBound
    guard SafetensorsFile.FloatType(rawValue: tensor.type) != nil else { continue }
    var elements = [Float](repeating: 0, count: tensor.shape.reduce(1, *))
    let isRead = elements.withUnsafeMutableBufferPointer {
      (try? file.read(tensor, shape: tensor.shape, into: $0)) != nil
    }
    precondition(!isRead || elements.allSatisfy(\.isFinite), "\(tensor.name) is not finite")
  }
  precondition(end == count, "bytes behind the last tensor")
  return 0
}
