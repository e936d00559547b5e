"""Small JSON texts about instances packed by Zstandard, with what most of them say beforehand."""

import threading
from typing import Final

from zstandard import DICT_TYPE_RAWCONTENT, ZstdCompressionDict, ZstdCompressor, ZstdDecompressor

_LEVEL: Final = 1
_MOST: Final = 1 << 30

_SAID: Final = b"""\
DerivationCodeSequence ReferencedSOPClassUID ReferencedSOPInstanceUID SourceImageSequence \
PurposeOfReferenceCodeSequence ContributingEquipmentSequence ContributionDateTime \
ContributionDescription PerFrameFunctionalGroupsSequence SharedFunctionalGroupsSequence \
FrameContentSequence DimensionIndexValues PlanePositionSequence PlaneOrientationSequence \
PixelMeasuresSequence FrameVOILUTSequence PixelValueTransformationSequence \
ReferencedImageSequence ContentSequence RelationshipType ValueType ConceptNameCodeSequence \
CodeValue CodingSchemeDesignator CodeMeaning SequenceOfUltrasoundRegions \
","LossyImageCompressionRatio":"","LossyImageCompressionMethod":"ISO_10918_1\
","InstanceCreationDate":"20","InstanceCreationTime":"\
","AcquisitionDateTime":"20","FrameIncrementPointer":["","FrameTime":"","HeartRate":"\
","WindowCenterWidthExplanation":["","ContentDescription":"","ContentLabel":"\
","TriggerTime":"","EchoTime":"","RepetitionTime":"","EchoNumbers":"","FlipAngle":"\
","MagneticFieldStrength":"","ImagingFrequency":"","ScanningSequence":"","SequenceVariant":"\
","ScanOptions":"","MRAcquisitionType":"","SequenceName":"","EchoTrainLength":"\
","ViewPosition":"","ImagerPixelSpacing":["","ExposureTime":"","Exposure":"","KVP":"120\
","XRayTubeCurrent":"","ExposureInuAs":"","FilterType":"","GeneratorPower":"","FocalSpots":["\
","ConvolutionKernel":"","GantryDetectorTilt":"","TableHeight":"","RotationDirection":"\
","DataCollectionDiameter":"500","ReconstructionDiameter":"","DistanceSourceToDetector":"\
","DistanceSourceToPatient":"","ContrastBolusAgent":"","AcquisitionTime":"\
{"FileMetaInformationGroupLength":,"FileMetaInformationVersion":"AAE=\
","MediaStorageSOPClassUID":"1.2.840.10008.5.1.4.1.1.","MediaStorageSOPInstanceUID":"1.\
","TransferSyntaxUID":"1.2.840.10008.1.2.1","ImplementationClassUID":"1.2.\
","ImplementationVersionName":"","SourceApplicationEntityTitle":"\
","ImageType":["ORIGINAL","PRIMARY","AXIAL"],"SOPClassUID":"1.2.840.10008.5.1.4.1.1.\
","SOPInstanceUID":"1.","AcquisitionDate":"20","ContentDate":"20\
","AcquisitionTime":"","ContentTime":"","SliceThickness":"","SpacingBetweenSlices":"\
","AcquisitionNumber":"1","InstanceNumber":"1","PatientOrientation":null,\
"ImagePositionPatient":["-","-"],"ImageOrientationPatient":["1","0","0","0","1","0"],\
"SliceLocation":"","ImageComments":"","SamplesPerPixel":1,\
"PhotometricInterpretation":"MONOCHROME2","PlanarConfiguration":0,"NumberOfFrames":"\
","Rows":512,"Columns":512,"PixelSpacing":["0.","0."],"PixelAspectRatio":[\
"BitsAllocated":16,"BitsStored":12,"HighBit":11,"PixelRepresentation":0,\
"SmallestImagePixelValue":0,"LargestImagePixelValue":,"WindowCenter":"","WindowWidth":"\
","RescaleIntercept":"-1024","RescaleSlope":"1","RescaleType":"HU\
","LossyImageCompression":"00"},0,1,"1.2.840.10008.1.2.4.202","1.2.840.10008.1.2.1",[],0]\
[[[524384,"CS",["MR"]],[524385,"DA",[]],[524321,"DA",["20"]],[524337,"TM",["\
"]],[524400,"LO",["GE SIEMENS Philips"]],[524416,"LO",["Hospital"]],[528400,"SH",["\
"]],[528446,"LO",[""]],[528528,"PN",[""]],[528496,"PN",[""]],[528528,"LO",["\
"]],[1572885,"CS",["CHEST"]],[1577008,"LO",[""]],[1577056,"LO",[""]],[1593600,"CS",["HFS"]],\
[2097166,"UI",["1."]],[2097169,"IS",["1"]],[2097234,"UI",["1."]],[2101312,"LO",["\
"]],[4194884,"DA",["20"]],[4194885,"TM",[""]],[[[524293,"CS",["ISO_IR 192"]],\
[[[524293,"CS",["ISO_IR 100"]],[524320,"DA",["20"]],[524336,"TM",["\
"]],[524368,"SH",[""]],[524432,"PN",[""]],[528432,"LO",[""]],[524801,"SH",["+0100"]],\
[1048592,"PN",[""]],[1048608,"LO",[""]],[1048624,"DA",["19"]],[1048640,"CS",["M"]],\
[1052688,"AS",["0"]],[1052720,"DS",[""]],[2097165,"UI",["1.2.840.\
"]],[2097168,"SH",[""]]],0,0]"""
"""Never changed: what is packed is read with the same bytes only."""

_DICTIONARY: Final = ZstdCompressionDict(_SAID, dict_type=DICT_TYPE_RAWCONTENT)
_DICTIONARY.precompute_compress(_LEVEL)


class _Coders(threading.local):
    """Compressor and decompressor of a thread: each works for one at a time."""

    def __init__(self) -> None:
        self.packer = ZstdCompressor(
            dict_data=_DICTIONARY, level=_LEVEL, write_checksum=False, write_dict_id=False
        )
        self.unpacker = ZstdDecompressor(dict_data=_DICTIONARY, max_window_size=_MOST)


_CODERS: Final = _Coders()


def packed(text: bytes) -> bytes:
    """``text`` in fewer bytes, the same ones for the same text."""
    return _CODERS.packer.compress(text)


def unpacked(content: bytes) -> bytes:
    """The text that ``content`` was made of."""
    return _CODERS.unpacker.decompress(content)
