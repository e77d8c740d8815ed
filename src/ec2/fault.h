/* SPDX-License-Identifier: Apache-2.0 */
/* EC2's error codes, as the API reference names them. */
#ifndef EC2_FAULT_H
#define EC2_FAULT_H

#include "base/status.h"

/* X(name, "code on the wire", HTTP status) */
#define EC2_FAULT_LIST(X)                                                                          \
	X(AUTH_FAILURE, "AuthFailure", 401)                                                        \
	X(SIGNATURE, "SignatureDoesNotMatch", 403)                                                 \
	X(REQUEST_EXPIRED, "RequestExpired", 400)                                                  \
	X(MISSING_TOKEN, "MissingAuthenticationToken", 403)                                        \
	X(INCOMPLETE_SIGNATURE, "IncompleteSignature", 400)                                        \
	X(UNAUTHORIZED, "UnauthorizedOperation", 403)                                              \
	X(DRY_RUN, "DryRunOperation", 412)                                                         \
	X(INVALID_ACTION, "InvalidAction", 400)                                                    \
	X(MALFORMED, "MalformedQueryString", 404)                                                  \
	X(VERSION, "NoSuchVersion", 400)                                                           \
	X(UNKNOWN_PARAMETER, "UnknownParameter", 400)                                              \
	X(MISSING_PARAMETER, "MissingParameter", 400)                                              \
	X(PARAMETER_VALUE, "InvalidParameterValue", 400)                                           \
	X(PARAMETER_COMBINATION, "InvalidParameterCombination", 400)                               \
	X(NEXT_TOKEN, "InvalidNextToken", 400)                                                     \
	X(UNSUPPORTED, "UnsupportedOperation", 400)                                                \
	X(UNSUPPORTED_TYPE, "Unsupported", 400)                                                    \
	X(OPERATION_NOT_PERMITTED, "OperationNotPermitted", 400)                                   \
	X(INSTANCE_NOT_FOUND, "InvalidInstanceID.NotFound", 400)                                   \
	X(INSTANCE_MALFORMED, "InvalidInstanceID.Malformed", 400)                                  \
	X(INSTANCE_STATE, "IncorrectInstanceState", 400)                                           \
	X(INSTANCE_ATTRIBUTE, "InvalidInstanceAttributeValue", 400)                                \
	X(INSTANCE_TYPE, "InvalidInstanceType", 400)                                               \
	X(INSTANCE_LIMIT, "InstanceLimitExceeded", 400)                                            \
	X(CAPACITY, "InsufficientInstanceCapacity", 500)                                           \
	X(TOKEN_MISMATCH, "IdempotentParameterMismatch", 400)                                      \
	X(CLIENT_TOKEN, "InvalidClientToken", 400)                                                 \
	X(IMAGE_NOT_FOUND, "InvalidAMIID.NotFound", 400)                                           \
	X(IMAGE_MALFORMED, "InvalidAMIID.Malformed", 400)                                          \
	X(IMAGE_NAME, "InvalidAMIName.Duplicate", 400)                                             \
	X(IMAGE_NAME_MALFORMED, "InvalidAMIName.Malformed", 400)                                   \
	X(IMAGE_IN_USE, "ResourceInUse", 400)                                                      \
	X(IMAGE_MANIFEST, "InvalidManifest", 400)                                                  \
	X(BLOCK_DEVICE, "InvalidBlockDeviceMapping", 400)                                          \
	X(KEY_NOT_FOUND, "InvalidKeyPair.NotFound", 400)                                           \
	X(KEY_DUPLICATE, "InvalidKeyPair.Duplicate", 400)                                          \
	X(KEY_FORMAT, "InvalidKey.Format", 400)                                                    \
	X(GROUP_NOT_FOUND, "InvalidGroup.NotFound", 400)                                           \
	X(GROUP_ID_MALFORMED, "InvalidGroupId.Malformed", 400)                                     \
	X(GROUP_DUPLICATE, "InvalidGroup.Duplicate", 400)                                          \
	X(GROUP_RESERVED, "InvalidGroup.Reserved", 400)                                            \
	X(GROUP_IN_USE, "DependencyViolation", 400)                                                \
	X(CANNOT_DELETE, "CannotDelete", 400)                                                      \
	X(RULE_DUPLICATE, "InvalidPermission.Duplicate", 400)                                      \
	X(RULE_NOT_FOUND, "InvalidPermission.NotFound", 400)                                       \
	X(RULE_ID_NOT_FOUND, "InvalidSecurityGroupRuleId.NotFound", 400)                           \
	X(RULE_MALFORMED, "InvalidPermission.Malformed", 400)                                      \
	X(RULE_LIMIT, "RulesPerSecurityGroupLimitExceeded", 400)                                   \
	X(GROUP_LIMIT, "SecurityGroupLimitExceeded", 400)                                          \
	X(GROUPS_PER_INSTANCE, "SecurityGroupsPerInstanceLimitExceeded", 400)                      \
	X(RESOURCE_LIMIT, "ResourceLimitExceeded", 400)                                            \
	X(VPC_NOT_FOUND, "InvalidVpcID.NotFound", 400)                                             \
	X(SUBNET_NOT_FOUND, "InvalidSubnetID.NotFound", 400)                                       \
	X(ADDRESSES, "InsufficientFreeAddressesInSubnet", 400)                                     \
	X(ADDRESS_IN_USE, "InvalidIPAddress.InUse", 400)                                           \
	X(VOLUME_NOT_FOUND, "InvalidVolume.NotFound", 400)                                         \
	X(INTERFACE_NOT_FOUND, "InvalidNetworkInterfaceID.NotFound", 400)                          \
	X(RESOURCE_ID, "InvalidID", 400)                                                           \
	X(TAG_LIMIT, "TagLimitExceeded", 400)                                                      \
	X(TAG_POLICY, "InvalidTag", 400)                                                           \
	X(PROFILE_NOT_FOUND, "InvalidIamInstanceProfile.NotFound", 400)                            \
	X(ASSOCIATION_NOT_FOUND, "InvalidAssociationID.NotFound", 400)                             \
	X(ASSOCIATION_STATE, "IncorrectState", 400)                                                \
	X(TEMPLATE_ID_NOT_FOUND, "InvalidLaunchTemplateId.NotFound", 400)                          \
	X(TEMPLATE_NAME_NOT_FOUND, "InvalidLaunchTemplateName.NotFoundException", 400)             \
	X(TEMPLATE_NAME_EXISTS, "InvalidLaunchTemplateName.AlreadyExistsException", 400)           \
	X(TEMPLATE_VERSION, "InvalidLaunchTemplateId.VersionNotFound", 400)                        \
	X(USER_DATA, "InvalidUserData.Malformed", 400)                                             \
	X(ZONE, "InvalidAvailabilityZone", 400)                                                    \
	X(REGION, "InvalidRegion", 400)                                                            \
	X(TOO_MANY, "RequestLimitExceeded", 503)                                                   \
	X(UNAVAILABLE, "Unavailable", 503)                                                         \
	X(INTERNAL, "InternalError", 500)

enum ec2_fault_type {
	EC2_FAULT_NONE,
#define X(name, wire, http) EC2_FAULT_##name,
	EC2_FAULT_LIST(X)
#undef X
		EC2_FAULT_COUNT
};

const char *ec2_fault_code(enum ec2_fault_type type);
int ec2_fault_http(enum ec2_fault_type type);

#endif
